"""Our objectives inside other people's trainers: one function registered, or one method overridden, never a copy."""
