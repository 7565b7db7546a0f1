"""Lets Python's torch be imported without 2 GB of CUDA libraries that a CPU has no use for.

  cpu_only_torch.py SITE_PACKAGES

torch on PyPI is the CUDA build: importing it loads cuDNN, cuBLAS, NCCL and more, though on a CPU none of their functions is called.
This makes one library with all the functions that torch wants of them, and names it as each of them in
SITE_PACKAGES/torch/lib, where torch looks. Whoever calls such a function ends the process with a message.
"""
import pathlib
import re
import subprocess
import sys

# Not of these: libcudart and libcupti, which are small and really used.
STAND_INS = re.compile(r"lib(cublas|cublasLt|cudnn|cufft|cufile|curand|cusolver|cusparse|cusparseLt|nccl|nvshmem_host)\.so\.\d+")
FUNCTIONS = re.compile(r"cublas|cudnn|cufft|cuFile|curand|cusolver|cusparse|nccl[A-Z]|nvshmem")


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    lib = pathlib.Path(sys.argv[1]) / "torch" / "lib"
    names, functions = set(), set()
    for path in lib.glob("lib*.so"):
        for name in re.findall(r"NEEDED.*\[(.+)\]", output_of("readelf", "-dW", path)):
            if STAND_INS.fullmatch(name):
                names.add(name)
        for line in output_of("nm", "-D", "--undefined-only", path).splitlines():
            function = line.split()[-1].partition("@")[0]
            if FUNCTIONS.match(function):
                functions.add(function)
    source = "#include <stdio.h>\n#include <stdlib.h>\n" + "".join(
        f'void {f}(void) {{ fputs("{f}: this environment has no CUDA, keep to the CPU\\n", stderr); abort(); }}\n'
        for f in sorted(functions))
    library = lib / "libno_cuda.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-x", "c", "-o", library, "-"], input=source, text=True, check=True)
    for name in names:
        (lib / name).unlink(missing_ok=True)
        (lib / name).symlink_to(library.name)


if __name__ == "__main__":
    main()
