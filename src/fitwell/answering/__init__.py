"""Questions are answered with a stretch of a text: read, trained, measured, found among documents, asked in turns."""
