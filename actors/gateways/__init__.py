"""Adapters to the outside: payment gateways and carriers, behind the ports of their contexts."""
