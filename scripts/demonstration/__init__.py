"""The main job on real input: `scripts/demo` replays real purchases as orders and checks what became of each."""
