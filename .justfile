# Short names; each recipe is a script or a cargo command that works without just.

# The gate.
ci:
    .ci/run

test:
    cargo test

# The generated parts of README and docs.
docs:
    .ci/checks/30-docs --write

# Golden files as the program writes them now.
bless:
    BLESS=1 cargo test --test integration

# The packages of a release, in target/packages.
dist *ARGS:
    .ci/dist {{ARGS}}
