"""The stream: rolling features, windows, the pipeline of pure operators, and the engines that drive it."""
