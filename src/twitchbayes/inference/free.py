"""The loops of `rows` without the GIL, where they are compiled (see `free.pxd`); else the loops themselves."""

from twitchbayes.inference.rows import answer_rows, count_rows, differentiate, weigh_rows

__all__ = ["answer_rows", "count_rows", "differentiate", "weigh_rows"]
