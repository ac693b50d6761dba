"""One worker process: admission, the Faust application, its folder, its health page, its end."""
