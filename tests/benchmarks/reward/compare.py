"""The table of `make bench-reward` from the lines that both programs printed: NAME-reference.json and NAME-maspo.json."""

import argparse
import json
import pathlib

REQUIRED = 100  # Times the reference's answers a second.


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    print(f"{'':8}{'Math-Verify /s':>16}{'maspo /s':>12}{'ratio':>8}{'p99 ms':>10}{'p99 ms':>9}{'MiB':>7}{'MiB':>7}")
    for name in arguments.names:
        reference, maspo = (json.loads((arguments.folder / f"{name}-{side}.json").read_text()) for side in ("reference", "maspo"))
        ratio = maspo["per_second"] / reference["per_second"]
        print(f"{name:8}{reference['per_second']:16.1f}{maspo['per_second']:12.1f}{ratio:8.0f}"
              f"{reference['p99_us'] / 1000:10.2f}{maspo['p99_us'] / 1000:9.3f}"
              f"{reference['memory_mib']:7.0f}{maspo['memory_mib']:7.0f}{'' if ratio >= REQUIRED else '   below 100 times'}")


if __name__ == "__main__":
    main()
