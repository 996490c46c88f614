"""How long does `import meshio` take, in a process that has imported nothing yet? Bytecode is cached.

    python benches/import_time.py [--json FILE]

Bar: at most 350 ms, the first use of `meshio.Mesh` included. What a source needs comes with `Mesh.from_env()`: the
compiler of the YAML, or the generated types of a control plane.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from tempfile import TemporaryDirectory

from figures import QUICK, ROUNDS, Figures, median_of_rounds

TIMED = "from time import process_time; began = process_time(); import meshio; {}; print(process_time() - began)"


def milliseconds(statement: str, environ: dict[str, str]) -> float:
    """CPU time of a new process."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | environ)
    return float(run.stdout) * 1000


def main() -> int:
    with TemporaryDirectory() as folder:
        cases = {
            "import meshio": ("pass", {}),
            "and meshio.Mesh": ("meshio.Mesh", {}),
            "and Mesh.from_env(), YAML": ("meshio.Mesh.from_env()", {"MESHIO_CONFIG": folder}),
            "and Mesh.from_env(), xDS": ("meshio.Mesh.from_env()", {"MESHIO_DISCOVERY_ADDRESS": "127.0.0.1:15010"}),
        }

        def measure(name: str) -> Callable[[], float]:
            return lambda: milliseconds(*cases[name])

        taken = median_of_rounds({name: measure(name) for name in cases}, 1 if QUICK else ROUNDS)
    figures = Figures("import, ms of CPU")
    for name, value in taken.items():
        figures.add(name, value)
    figures.bar("import meshio and meshio.Mesh", taken["and meshio.Mesh"], 350)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
