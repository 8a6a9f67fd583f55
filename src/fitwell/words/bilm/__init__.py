"""Words in context from a language model that is read in both directions (ELMo)."""
