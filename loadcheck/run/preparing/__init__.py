"""Before the load: identities, truths and checks of the target."""
