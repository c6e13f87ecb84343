"""The configuration: its shape, and how it is read.

Import from the modules; this one imports nothing, so that an adapter gets its `options` without the loader.
"""
