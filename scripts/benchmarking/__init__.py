"""How fast the platform is: `scripts/bench` measures it beside other ways of running the same orders."""
