"`python -m fastseqtrack` is the command `fastseqtrack`, for `torchrun` and for a checkout that is not installed."
from fastseqtrack.cli.main import main

if __name__ == "__main__":
    main(prog_name="fastseqtrack")
