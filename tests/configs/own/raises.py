"""A file that cannot be imported."""

raise ValueError("the model is not there\nand what follows is not told")
