"""The drill: real purchases as load, everything broken meanwhile, and then the proof that nothing was lost."""
