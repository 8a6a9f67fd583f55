"""Torch modules and the tables they are put together from; nothing here knows of data, tasks or training."""
