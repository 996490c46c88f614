"""How long does `import meshio` take, in a process that has imported nothing yet? Bytecode is cached.

    python benches/import_time.py [--json FILE]

Bar: at most 350 ms. The mesh itself comes with its first use, and is measured beside.
"""

import subprocess
import sys

from figures import Figures, median_of_rounds

TIMED = "from time import perf_counter; began = perf_counter(); {}; print(perf_counter() - began)"
STATEMENTS = {"import meshio": "import meshio", "and meshio.Mesh": "import meshio; meshio.Mesh"}


def seconds(statement: str) -> float:
    command = [sys.executable, "-c", TIMED.format(statement)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    figures = Figures("import, ms")
    measures = {name: lambda statement=statement: seconds(statement) for name, statement in STATEMENTS.items()}
    for name, value in median_of_rounds(measures).items():
        figures.add(name, value * 1000)
    figures.bar("import meshio, ms", figures.rows[0][1], 350)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
