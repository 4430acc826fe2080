"""`python -m twitchbayes` is the command `twitchbayes`."""

from twitchbayes.cli import entry

if __name__ == "__main__":
    entry()
