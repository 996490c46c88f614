"""How long does `import meshio` take, in a process that has imported nothing yet? Median of 11, bytecode cached."""

import subprocess
import sys
from statistics import median

TIMED = "from time import perf_counter; began = perf_counter(); import meshio; print(perf_counter() - began)"


def seconds() -> float:
    return float(subprocess.run([sys.executable, "-c", TIMED], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    seconds()
    print(f"import meshio: {median(seconds() for _ in range(11)) * 1000:.0f} ms (at most 350)")


if __name__ == "__main__":
    main()
