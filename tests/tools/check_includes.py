"""Checks who includes whom: the cores of the three processes build, test and run alone.

  check_includes.py ROOT        prints every breach as FILE:LINE and exits 1 if there is one

  proto <- services/base <- services/config <- services/process, services/rpc (gRPC)
                 ^                                          ^
                 |          services/<hop>: interface | client and service (gRPC)
                 |                  ^                         ^
               model <- collective <- learner, rollout_worker, reward_server: cores | main.cc, cli
"""
import pathlib
import re
import sys
import typing

HOPS = ("prompts", "reward", "trajectory", "weights", "control")
INTERFACES = tuple(f"services/{hop}" for hop in HOPS)
BASE = ("proto", "services/base")
WIRING = ("services/config", "services/process", "services/rpc")  # For who puts a process together.


class Zone(typing.NamedTuple):
    may_include: tuple  # Folders, or single headers, of this repository.
    grpc: bool = False  # gRPC, and headers that lead to it: *_client.h, *_service.h, *.grpc.pb.h.
    torch: bool = False


ZONES = {
    "proto": Zone(("proto",)),
    "services/base": Zone(BASE),
    "services/config": Zone(BASE + ("services/config",)),
    "services/process": Zone(BASE + ("services/config", "services/process")),
    "services/rpc": Zone(BASE + ("services/config", "services/rpc"), grpc=True),
    **{hop: Zone(BASE + ("services/config", "services/rpc", hop), grpc=True) for hop in INTERFACES},
    "model": Zone(BASE + ("model",), torch=True),
    "collective": Zone(("services/base", "model/torch.h", "collective"), torch=True),
    "cuda": Zone(("collective", "cuda"), torch=True),
    "reward_server": Zone(BASE + INTERFACES + ("reward_server",)),
    "rollout_worker": Zone(BASE + INTERFACES + ("model", "collective", "rollout_worker"), torch=True),
    "learner": Zone(BASE + INTERFACES + ("model", "collective", "learner"), torch=True),
    "cli": Zone(BASE + INTERFACES + WIRING + ("model", "collective", "reward_server", "rollout_worker", "learner",
                                     "cli"), grpc=True, torch=True),
}
# The one file of a process that sees its core and gRPC, and wires them.
MAIN = "main.cc"

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)
GRPC = re.compile(r"(grpc|grpcpp)/|.*\.grpc\.pb\.h$")
ADAPTER = re.compile(r"services/\w+/\w+_(client|service)\.h$")
TORCH = re.compile(r"(torch|ATen|c10|caffe2)/")
TORCH_DOOR = "model/torch.h"


def zone_of(path):
    """The longest folder of ZONES that holds the file."""
    names = [name for name in ZONES if path.startswith(name + "/")]
    return max(names, key=len, default=None)


class Tree:
    def __init__(self, root):
        self.includes = {}  # File -> [(line, header)].
        for name in ZONES:
            for path in sorted((root / name).rglob("*")):
                if path.suffix in (".h", ".cc", ".cu", ".cuh"):
                    text = path.read_text()
                    self.includes[path.relative_to(root).as_posix()] = [
                        (text.count("\n", 0, match.start(1)) + 1, match[1]) for match in INCLUDE.finditer(text)]

    def way_to(self, header, wanted, seen):
        """The chain of headers from `header` to one that `wanted` accepts, or None."""
        if wanted(header):
            return [header]
        seen.add(header)
        for _, following in self.includes.get(header, []):
            if following not in seen:
                way = self.way_to(following, wanted, seen)
                if way:
                    return [header] + way
        return None

    def breaches(self):
        for path, includes in self.includes.items():
            name = zone_of(path)
            zone = ZONES[name]
            if path == f"{name}/{MAIN}":
                zone = Zone(zone.may_include + WIRING, grpc=True, torch=zone.torch)
            for line, header in includes:
                problem = self.problem(path, name, zone, header)
                if problem:
                    yield f"{path}:{line}: {problem}"

    def problem(self, path, name, zone, header):
        if zone_of(header) and not any(header == ours or header.startswith(ours + "/") for ours in zone.may_include):
            return f"{name} may not include {header} (only {', '.join(zone.may_include)})"
        if header == "torch/torch.h" and path != TORCH_DOOR:
            return f'LibTorch comes through "{TORCH_DOOR}"'
        for library, allowed, wanted in (
                ("gRPC", zone.grpc, lambda h: GRPC.match(h) or ADAPTER.match(h)), ("LibTorch", zone.torch, TORCH.match)):
            way = None if allowed else self.way_to(header, wanted, set())
            if way:
                return f"{name} may not see {library}: {' -> '.join(way)}"
        return None


def main():
    tree = Tree(pathlib.Path(sys.argv[1]))
    breaches = list(tree.breaches())
    print(*breaches, f"{len(tree.includes)} files, {len(breaches)} breaches of the include rule", sep="\n")
    return 1 if breaches or not tree.includes else 0


if __name__ == "__main__":
    sys.exit(main())
