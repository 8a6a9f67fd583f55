"""Networks that read pictures, in local Hugging Face folders: a file for each family of them, and a line in a table."""
