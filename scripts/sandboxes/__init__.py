"""Stand-ins for the outside world, real programs on loopback: a payment gateway, a carrier, a faulty line."""
