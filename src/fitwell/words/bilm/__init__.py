"""Words in context from a language model read in both directions (ELMo): torch is imported when one is made or opened."""
