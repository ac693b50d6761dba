"""The models that may serve, a file each, with what they learn from and the arrays that evaluate them without their library."""
