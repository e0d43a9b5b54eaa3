"""The core of Doorstep: people, projects, customers, their timeline, and the machinery plugins build on."""
