"""The operators' tool: what waits, what is stuck, what is dead, what became of one order; and mending it."""
