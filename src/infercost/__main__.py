"""The command's way in, also as ``python -m infercost``."""

import sys


def main() -> None:
    """Entry point of the ``infercost`` command.

    Imports stand inside, so that Ctrl-C while they run ends as it does later: one line, exit 130.
    """
    try:
        from infercost.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was written\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
