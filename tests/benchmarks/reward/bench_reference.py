"""Times Math-Verify on a JSON Lines file of {id, gold, response}; prints one line of JSON. Parsing both texts and comparing is
one piece of work, timed in CPU seconds; its own timeouts are off, as they cost time and bound nothing here."""

import argparse
import json
import logging
import resource
import time

from math_verify import parse, verify


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input")
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    rows = [json.loads(line) for line in open(arguments.input)]
    times, start = [], time.process_time()
    while time.process_time() - start < arguments.seconds:
        for row in rows:
            begin = time.process_time()
            gold = parse(row["gold"], parsing_timeout=None)
            answer = parse(row["response"], parsing_timeout=None)
            verify(gold, answer, timeout_seconds=None)
            times.append(time.process_time() - begin)
            if time.process_time() - start > arguments.seconds and len(times) >= 20:
                break
    total = sum(times)
    times.sort()
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"per_second": len(times) / total, "median_us": 1e6 * times[len(times) // 2],
                      "p99_us": 1e6 * times[len(times) * 99 // 100], "memory_mib": memory_mib}))


if __name__ == "__main__":
    main()
