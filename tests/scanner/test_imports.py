from __future__ import annotations

import subprocess
import sys


def test_importing_the_package_loads_neither_bandit_nor_torch() -> None:
    script = (
        "import sys, dormouse.scanner as v\n"
        "assert not {'bandit', 'torch', 'transformers'} & sys.modules.keys()\n"
        "assert v.judge_code('import pickle; pickle.loads(x)').vulnerable\n"
        "assert 'bandit' in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
