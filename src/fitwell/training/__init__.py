"""The engine: one step as a pure function of a population, and the parts a step is made of."""
