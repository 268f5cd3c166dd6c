"""The commands of `earshot`, one small file each. Heavy imports stand inside the functions: `--help` is instant."""
