"""The recogniser: from a file as people have it to a declared form and columns. A room for each question, pure but one."""
