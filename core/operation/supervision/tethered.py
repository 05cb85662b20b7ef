"""supervisord that does not outlive who started it: `python -m core.operation.supervision.tethered -c FILE`."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    if sys.platform == "linux":
        # Also after kill -9 of `up`, the parts are stopped in order.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    from supervisor.supervisord import main as run_supervisor

    run_supervisor()


if __name__ == "__main__":
    main()
