# Networks use a GPU where there is one. A method is trained once on a board and answers under each condition.
rule train:
    input:
        data=from_plan(PLAN.data),
        manifest=f"{BOARD}/manifest.parquet",
    output:
        weights=f"{TRAINED}/weights.safetensors",
        curve=f"{TRAINED}/curve.jsonl",
        cost=f"{TRAINED}/training.json",
    log:
        "logs/train/{task}-{dataset}-{board}-{method}-{seed}.log",
    benchmark:
        "results/benchmarks/train/{task}-{dataset}-{board}-{method}-{seed}.tsv"
    wildcard_constraints:
        method=one_of(PLAN.learned_methods),
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(6000),
        runtime=per_attempt(720),
        gpu=gpus,
    params:
        folder=data_folder,
        options=from_plan(PLAN.options),
        code=from_plan(PLAN.method_code, "train"),
        checkpoint=lambda wildcards: CHECKPOINT.format(**wildcards),
    shell:
        "atombench train {wildcards.task}/{wildcards.dataset}/{wildcards.board} --method {wildcards.method}"
        " --data {params.folder} --manifest {input.manifest} --options {params.options:q} --seed {wildcards.seed}"
        " --threads {threads} --checkpoint {params.checkpoint} --out {output.weights} --curve {output.curve}"
        " --cost {output.cost} --log {log}"


# Everything else: the same step without a GPU.
use rule train as train_cpu with:
    wildcard_constraints:
        method=one_of(PLAN.other_methods),
    resources:
        mem_mb=per_attempt(6000),
        runtime=per_attempt(30),
