// Only there so that the precompiled headers have a target.
