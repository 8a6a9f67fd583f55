"""A small BERT learns from the user's own text: pieces, masks, steps, held-out figures, a folder that others read."""
