"""Tables of samples, read and written in pieces: a column of times, and a column for each sensor.

`reader.open_table` reads CSV and Parquet, `lay.lay` makes panels of what it gives, and `writer.Writer` writes rows with
what was found of them.
"""
