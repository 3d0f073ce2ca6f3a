"""What stands behind the command line's verbs."""
