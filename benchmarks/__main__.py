"""Print the speed tables: python -m benchmarks, or make bench.

Each table is made in a process of its own, because libraries read the number of threads when they
are loaded. OpenBLAS, which multiplies NumPy's matrices, then says for which processor ("Core").
"""

import os
import subprocess
import sys

# table and number of threads
TABLES = [("benchmarks.gru_speed", 1), ("benchmarks.gru_speed", 2), ("benchmarks.min_gru_speed", 1)]


def main() -> None:
    for module, threads in TABLES:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_VERBOSE": "2"}
        print(f"\n{'=' * 100}", flush=True)
        subprocess.run([sys.executable, "-m", module], env=environment, check=True)


if __name__ == "__main__":
    main()
