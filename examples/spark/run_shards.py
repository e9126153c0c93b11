"""Runs the shards of a plan as the tasks of a Spark job.

    spark-submit run_shards.py s3://work/scan-1/plan.json [--roottrail PATH] [-- OPTIONS OF shard run]

Spark schedules and retries. The program reads a shard and commits its part once, so that a task that runs again, or
twice at the same time, does no harm: neither speculation nor a lost executor can double or lose a finding.
"""

import argparse
import json
import subprocess
import sys

from pyspark.sql import SparkSession


def run(shard, roottrail, plan, options):
    """Reads one shard. An exit code other than 0 fails the task, which Spark then tries again."""
    done = subprocess.run(
        [roottrail, "shard", "run", "--plan", plan, "--index", str(shard), "--progress", "never", *options],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"shard {shard}: exit code {done.returncode}: {done.stderr[-2000:]}")
    return shard, done.stderr.strip().splitlines()[-1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", help="s3://bucket/prefix/plan.json, or a path that all executors see")
    parser.add_argument("--roottrail", default="roottrail", help="the program on the executors")
    parser.add_argument("options", nargs="*", help="further options of `roottrail shard run`, after --")
    args = parser.parse_args()

    status = subprocess.run(
        [args.roottrail, "shard", "status", "--plan", args.plan, "--format", "json"], stdout=subprocess.PIPE, text=True
    )
    if status.returncode not in (0, 3):
        sys.exit(status.returncode)
    missing = json.loads(status.stdout)["missing"]
    if not missing:
        print("all parts are there")
        return

    spark = SparkSession.builder.appName("roottrail").getOrCreate()
    roottrail, plan, options = args.roottrail, args.plan, args.options
    # One task for each shard: a task that is lost costs one shard.
    shards = spark.sparkContext.parallelize(missing, len(missing))
    for shard, last in shards.map(lambda shard: run(shard, roottrail, plan, options)).toLocalIterator():
        print(shard, *last, flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
