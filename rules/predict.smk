rule predict:
    input:
        data=from_plan(PLAN.data),
        manifest=f"{BOARD}/manifest.parquet",
        weights=from_plan(PLAN.trained, "weights.safetensors"),
    output:
        predictions=f"{ANSWERED}/predictions.parquet",
        cost=f"{ANSWERED}/predicting.json",
        swaps=f"{ANSWERED}/swaps.parquet",
    log:
        "logs/predict/{task}-{dataset}-{board}-{method}-{seed}-{condition}.log",
    benchmark:
        "results/benchmarks/predict/{task}-{dataset}-{board}-{method}-{seed}-{condition}.tsv"
    wildcard_constraints:
        method=one_of(PLAN.learned_methods),
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(6000),
        runtime=per_attempt(240),
        gpu=gpus,
    params:
        folder=data_folder,
        options=from_plan(PLAN.options),
        code=from_plan(PLAN.method_code, "predict"),
    shell:
        "atombench predict {wildcards.task}/{wildcards.dataset}/{wildcards.board} --method {wildcards.method}"
        " --data {params.folder} --manifest {input.manifest} --weights {input.weights} --condition {wildcards.condition}"
        " --options {params.options:q} --seed {wildcards.seed} --threads {threads} --out {output.predictions}"
        " --cost {output.cost} --swaps {output.swaps} --log {log}"


# Everything else: the same step without a GPU.
use rule predict as predict_cpu with:
    wildcard_constraints:
        method=one_of(PLAN.other_methods),
    resources:
        mem_mb=per_attempt(6000),
        runtime=per_attempt(120),
