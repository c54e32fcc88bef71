"""What a task is: image, permissions, definition; and why one stopped."""
