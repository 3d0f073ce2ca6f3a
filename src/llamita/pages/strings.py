"""Every fixed word of the pages, in English and Chinese side by side."""

# ruff: noqa: E501 -- the two languages stand side by side
from __future__ import annotations

from llamita.core.errors import UserError

LANGUAGES = ("en", "zh")

STRINGS: dict[str, tuple[str, str]] = {
    # the first line
    "bought_yes": (
        "The teacher bought {points} points {interval} of accuracy",
        "教师模型带来了 {points} 个百分点 {interval} 的准确率",
    ),
    "bought_nothing": (
        "The teacher bought nothing measurable: {points} points {interval}",
        "教师模型没有带来可测的收益：{points} 个百分点 {interval}",
    ),
    "bought_harm": (
        "The teacher did harm: {points} points {interval} of accuracy",
        "教师模型反而有害：准确率 {points} 个百分点 {interval}",
    ),
    "bought_plain": (
        "The teacher bought {points} points of accuracy (no interval: {reason})",
        "教师模型带来了 {points} 个百分点的准确率（无区间：{reason}）",
    ),
    "bought_unknown": ("What the teacher bought was not measured ({reason})", "教师模型带来的收益未测（{reason}）"),
    "cost_yes": (
        "compression cost {points} points {interval} of accuracy",
        "压缩损失了 {points} 个百分点 {interval} 的准确率",
    ),
    "cost_unsure": (
        "compression cost {points} points {interval} of accuracy, not distinguishable from none",
        "压缩损失了 {points} 个百分点 {interval} 的准确率，与零无显著差别",
    ),
    "cost_nothing": (
        "compression cost nothing measurable: {points} points {interval}",
        "压缩没有可测的损失：{points} 个百分点 {interval}",
    ),
    "cost_gain": (
        "compression cost nothing: the light model is ahead by {points} points {interval}",
        "压缩没有损失：轻量模型反而高出 {points} 个百分点 {interval}",
    ),
    "cost_plain": (
        "compression cost {points} points of accuracy (no interval: {reason})",
        "压缩损失了 {points} 个百分点的准确率（无区间：{reason}）",
    ),
    "cost_unknown": ("what compression cost was not measured ({reason})", "压缩的损失未测（{reason}）"),
    "sentence_join": ("; ", "；"),
    "sentence_n": (" (n = {n}).", "（n = {n}）。"),
    "sentence_n_two": (" (n = {n}, {m}).", "（n = {n}、{m}）。"),
    "sentence_end": (".", "。"),
    "no_student": ("no student without a teacher was trained", "没有训练无教师的学生模型"),
    "no_teacher": ("no teacher was measured", "没有测量教师模型"),
    "not_paired": ("the two were not compared text by text", "两者没有逐条比较"),
    "compare_worse": (
        "{name} loses {points} points {interval} of accuracy to {teacher} (n = {n}).",
        "{name} 的准确率比 {teacher} 低 {points} 个百分点 {interval}（n = {n}）。",
    ),
    "compare_same": (
        "{name} can't be told from {teacher} in accuracy: {points} points {interval} (n = {n}).",
        "{name} 与 {teacher} 的准确率无显著差别：{points} 个百分点 {interval}（n = {n}）。",
    ),
    "compare_better": (
        "{name} is ahead of {teacher} by {points} points {interval} of accuracy (n = {n}).",
        "{name} 的准确率比 {teacher} 高 {points} 个百分点 {interval}（n = {n}）。",
    ),
    "model_line": ("{name}: accuracy {value} {interval} (n = {n}).", "{name}：准确率 {value} {interval}（n = {n}）。"),
    # frame
    "eyebrow": ("llamita report", "llamita 报告"),
    "redacted": ("The users' texts are left out of this page.", "本页不含用户文本。"),
    "notes": ("Know this first", "须先知道"),
    "contents": ("On this page", "本页内容"),
    "nav_goals": ("Goals", "目标"),
    "nav_table": ("Side by side", "并排比较"),
    "nav_scatter": ("Picture", "总图"),
    "nav_cascade": ("Cascade", "级联"),
    "nav_reliability": ("Calibration", "校准"),
    "nav_confusion": ("Confusion", "混淆"),
    "nav_examples": ("Examples", "示例"),
    "nav_noise": ("Noise", "噪声"),
    "nav_lineage": ("Making", "制作"),
    "nav_data": ("Data", "数据"),
    "nav_run": ("Run it", "运行"),
    "nav_versions": ("Versions", "版本"),
    "intervals": (
        "Brackets are 95 % intervals; n counts texts, calls or rounds. “Points” are percentage points. MB = 10⁶ bytes.",
        "方括号为 95 % 区间；n 为文本数、调用数或轮数。MB = 10⁶ 字节。",
    ),
    "copy_button": ("Copy", "复制"),
    "copied": ("Copied", "已复制"),
    "as_table": ("The same as a table", "以表格显示"),
    "none": ("none", "无"),
    # roles
    "role_teacher": ("Teacher", "教师模型"),
    "role_teacher_int8": ("Teacher, best plain int8", "教师模型的最佳直接 int8"),
    "role_student_alone": ("Student without teacher", "无教师的学生模型"),
    "role_linear": ("TF-IDF + linear", "TF-IDF + 线性模型"),
    "role_light": ("Light", "轻量模型"),
    "role_model": ("Model", "模型"),
    "role_candidate": ("Candidate", "候选"),
    "short_teacher": ("teacher", "教师"),
    "short_teacher_int8": ("teacher int8", "教师 int8"),
    "short_student_alone": ("student alone", "无教师学生"),
    "short_linear": ("TF-IDF", "TF-IDF"),
    "short_light": ("light", "轻量"),
    "short_model": ("model", "模型"),
    # tiles
    "tile_accuracy": ("Accuracy", "准确率"),
    "tile_size": ("On disk", "磁盘占用"),
    "tile_latency": ("One text, p50", "单条延迟 p50"),
    "tile_throughput": ("Texts a second", "每秒文本数"),
    "tile_teacher": ("teacher {value}", "教师 {value}"),
    "tile_fewer": ("{ratio} fewer bytes than the teacher's best int8", "字节数为教师最佳 int8 的 1/{ratio}"),
    "tile_faster": ("{ratio} lower than the teacher's best int8", "延迟为教师最佳 int8 的 1/{ratio}"),
    "tile_more": ("{ratio} the teacher's best int8", "教师最佳 int8 的 {ratio}"),
    # goals
    "goals": ("Goals", "目标"),
    "goal_keep": ("Keep the teacher's accuracy", "保留教师准确率"),
    "goal_max_size": ("Size of the folder", "文件夹大小"),
    "goal_max_latency": ("Latency, p95", "延迟 p95"),
    "goal_met": ("met", "达到"),
    "goal_missed": ("missed", "未达到"),
    "goal_at_least": ("asked: at least {limit}", "要求：不少于 {limit}"),
    "goal_at_most": ("asked: at most {limit}", "要求：不超过 {limit}"),
    "goals_none": ("No goals were set.", "未设目标。"),
    "goals_missed_line": (
        "Not every goal could be met. This is the nearest model found; what to relax stands beside the goal.",
        "并非所有目标都能达到。这是找到的最接近的模型；可放宽之处写在目标旁。",
    ),
    # table
    "table": ("Side by side", "并排比较"),
    "table_hint": ("The best value of each row is marked ●.", "每行最佳值以 ● 标出。"),
    "best": ("best of the row", "本行最佳"),
    "metric": ("Measure", "指标"),
    "is_reference": ("the reference", "即参照"),
    "not_measured": ("not measured", "未测"),
    "group_quality": ("Quality", "质量"),
    "group_cost": ("Size and speed", "大小与速度"),
    "group_int8": ("Against the best plain int8 of the teacher", "相对教师模型的最佳直接 int8"),
    "group_teacher": ("Against the teacher", "相对教师模型"),
    "group_fp32": ("Against the teacher in fp32 PyTorch", "相对 fp32 PyTorch 教师模型"),
    "group_trust": ("Confidence", "置信度"),
    "row_accuracy": ("Accuracy", "准确率"),
    "row_macro_f1": ("Macro-F1", "宏平均 F1"),
    "row_loss": ("Accuracy lost to the teacher, points", "相对教师损失的准确率（百分点）"),
    "row_agreement": ("Same answer as the teacher", "与教师答案一致"),
    "row_size": ("Size on disk", "磁盘大小"),
    "row_parameters": ("Parameters", "参数量"),
    "row_flops": ("Operations a text", "每条文本运算量"),
    "row_p50": ("Latency, p50", "延迟 p50"),
    "row_p95": ("Latency, p95", "延迟 p95"),
    "row_throughput": ("Texts a second", "每秒文本数"),
    "row_memory": ("Peak memory", "峰值内存"),
    "row_ece": ("Calibration error above its floor", "校准误差超出下限的部分"),
    "row_brier": ("Brier score", "Brier 分数"),
    "row_nll": ("Log loss, nats", "对数损失（nat）"),
    "row_fewer_bytes": ("Fewer bytes", "字节数减少"),
    "row_lower_latency": ("Lower latency, p50", "延迟降低 p50"),
    "row_more_texts": ("More texts a second", "每秒文本数提高"),
    "ece_note": ("ECE {ece}, floor {floor}", "ECE {ece}，下限 {floor}"),
    "ratio_note": (
        "A ratio without brackets is the quotient of two values of this table.",
        "无方括号的倍数由表中两值相除而得。",
    ),
    "table_speed_note": (
        "Latency: one text at a time, string in, probabilities out. Throughput: batches of texts of like length.",
        "延迟：逐条计，从字符串到概率。吞吐：长度相近的文本成批。",
    ),
    "repeat": ("Commands that repeat these numbers", "重现这些数字的命令"),
    # scatter
    "scatter": ("Size, speed and quality", "大小、速度与质量"),
    "plot_scatter_title": ("Accuracy over size on disk", "准确率与磁盘大小"),
    "plot_scatter_description": (
        "{n} models; further up is more accurate, further left is smaller, a smaller circle is faster. The numbers stand in the table below.",
        "{n} 个模型；越靠上越准，越靠左越小，圆越小越快。数值见下表。",
    ),
    "plot_accuracy": ("Accuracy, %", "准确率，%"),
    "plot_size": ("Size on disk, logarithmic", "磁盘大小（对数）"),
    "scatter_caption": (
        "Up is more accurate, left is smaller, and the area of a circle is the p95 latency of one text. Named models have 95 % whiskers; those of the same size stand side by side.",
        "越靠上越准，越靠左越小，圆面积为单条延迟 p95。有名称的模型带 95 % 区间；大小相同者并排画出。",
    ),
    "scatter_front": (
        "The line is the front: no candidate is better in everything than one on it.",
        "连线为前沿：没有候选在各方面都优于线上的候选。",
    ),
    "scatter_split": (
        "The grey candidates recovered only briefly and were scored on {n} texts set aside for choosing; the named models on the {m} test texts. Heights of the two kinds are not comparable.",
        "灰色候选只经过短暂恢复，在留作选择的 {n} 条文本上评分；有名称的模型在 {m} 条测试文本上评分。两类的高度不可直接相比。",
    ),
    "key_latency": ("p95 latency", "延迟 p95"),
    "key_front": ("on the front", "在前沿上"),
    "key_candidate": ("candidate", "候选"),
    "candidates": ("All {n} candidates", "全部 {n} 个候选"),
    "col_name": ("Name", "名称"),
    "col_shape": ("Layers · FFN · vocabulary", "层数 · FFN · 词表"),
    "col_parameters": ("Parameters", "参数量"),
    "col_size": ("Size", "大小"),
    "col_latency": ("Latency, p95", "延迟 p95"),
    "col_score": ("Accuracy", "准确率"),
    "col_place": ("Outcome", "结果"),
    "chosen": ("chosen", "选中"),
    "on_front": ("front", "前沿"),
    # cascade
    "cascade": ("Light first, teacher when unsure", "先用轻量模型，不确定时再用教师模型"),
    "cascade_text": (
        "The light model answers when its confidence reaches a threshold; other texts go on to the teacher.",
        "轻量模型的置信度达到阈值时由它作答，其余文本交给教师模型。",
    ),
    "cascade_knee": (
        "With {share} % of the texts sent to the teacher (threshold {threshold}), accuracy is {accuracy} %; the light model alone reaches {light} %, the teacher {teacher} % (n = {n}).",
        "将 {share} % 的文本交给教师模型（阈值 {threshold}），准确率为 {accuracy} %；仅用轻量模型 {light} %，仅用教师模型 {teacher} %（n = {n}）。",
    ),
    "cascade_alone": (
        "The light model alone ({light} %) is no worse here than the teacher ({teacher} %): no text needs it (n = {n}).",
        "此处仅用轻量模型（{light} %）不逊于教师模型（{teacher} %）：无须教师模型（n = {n}）。",
    ),
    "cascade_never": (
        "No share short of all of them reaches the teacher's {teacher} %; the light model alone has {light} % (n = {n}).",
        "除非全部交给教师模型，否则达不到其 {teacher} %；仅用轻量模型为 {light} %（n = {n}）。",
    ),
    "cascade_caution": (
        "Read off the test texts themselves, so a threshold chosen here looks a little better than it is.",
        "曲线取自测试文本本身，在此选定的阈值会略显乐观。",
    ),
    "plot_teacher_share": ("Texts that reach the teacher, %", "交给教师模型的文本，%"),
    "plot_cascade_description": (
        "From the light model alone at the left to the teacher alone at the right.",
        "左端仅用轻量模型，右端仅用教师模型。",
    ),
    "col_threshold": ("Threshold", "阈值"),
    "col_share": ("To the teacher", "交给教师"),
    # reliability
    "reliability": ("Does it know when it may be wrong?", "它知道自己何时可能出错吗？"),
    "reliability_text": (
        "On the diagonal, a stated confidence of 80 % is right 80 % of the time; below it the model is too sure. Whiskers are 95 % intervals, the bars count the texts in each bin.",
        "在对角线上，声称 80 % 的置信度即有 80 % 正确；在其下则过于自信。须线为 95 % 区间，柱为各箱文本数。",
    ),
    "plot_confidence": ("Confidence, %", "置信度，%"),
    "plot_reliability_description": (
        "Accuracy over stated confidence, bin by bin, with the number of texts in each.",
        "各箱的准确率与置信度，以及文本数。",
    ),
    "reliability_line": (
        "ECE {ece} {interval}; a perfectly calibrated model would show {floor} (n = {n}).",
        "ECE {ece} {interval}；完美校准的模型为 {floor}（n = {n}）。",
    ),
    "reliability_line_short": ("ECE {ece} {interval} (n = {n}).", "ECE {ece} {interval}（n = {n}）。"),
    "col_bin": ("Confidence", "置信区间段"),
    "col_mean": ("Mean confidence", "平均置信度"),
    # confusion
    "confusion": ("What is taken for what", "混淆情况"),
    "confusion_text": (
        "Rows: the true label. Columns: the model's answer. Counts of texts.",
        "行：真实标签。列：模型的答案。数字为文本数。",
    ),
    "confusion_pairs": ("The {n} most frequent confusions", "最常见的 {n} 种混淆"),
    "col_truth": ("True label", "真实标签"),
    "col_answer": ("Answer", "答案"),
    "col_count": ("Texts", "文本数"),
    "per_class": ("Per label", "各标签"),
    "col_label": ("Label", "标签"),
    "col_precision": ("Precision", "精确率"),
    "col_recall": ("Recall", "召回率"),
    "col_f1": ("F1", "F1"),
    "col_n": ("n", "n"),
    # examples
    "examples": ("Lost, won, and why", "失去的、赢得的，以及原因"),
    "examples_count": (
        "Of {n} texts {name} lost {lost} that the teacher had right, and won {won} that the teacher had wrong.",
        "{n} 条文本中，{name}失去了教师答对的 {lost} 条，赢得了教师答错的 {won} 条。",
    ),
    "the_light": ("the light model", "轻量模型"),
    "same_reasons": (
        "The two rank the words of a text alike with a correlation of {value} {interval} (n = {n}; 1 = the same reasons).",
        "两个模型对词的重要性排序的相关系数为 {value} {interval}（n = {n}；1 为理由相同）。",
    ),
    "lost": ("Lost: the teacher was right", "失去：教师答对"),
    "won": ("Won: the teacher was wrong", "赢得：教师答错"),
    "others": ("Where both agree", "两者一致"),
    "shown": ("{shown} of {n} shown, the surest mistakes first", "显示 {n} 条中的 {shown} 条，最确信的错误在前"),
    "shown_all": ("{n} shown, the surest mistakes first", "共 {n} 条，最确信的错误在前"),
    "shown_others": ("{shown} of {n} explained texts shown", "显示 {n} 条已解释文本中的 {shown} 条"),
    "more_examples": ("{n} more", "另外 {n} 条"),
    "truth": ("true label", "真实标签"),
    "words_key": (
        "A coloured word moved the answer when it was left out: {pro} spoke for the answer given, {con} against it. Deeper colour, larger effect, within one line.",
        "去掉着色的词会改变答案：{pro}支持所给答案，{con}反对。颜色越深，影响越大（行内比较）。",
    ),
    "words_for": ("blue", "蓝色"),
    "words_against": ("orange, dotted underline", "橙色加点线"),
    "text_hidden": ("text {index}, left out", "第 {index} 条，文本略去"),
    # noise
    "noise": ("How brittle is it?", "它有多脆弱？"),
    "noise_text": (
        "Hollow: accuracy on the clean texts. Filled: on the same texts with typing noise, with 95 % interval.",
        "空心：干净文本上的准确率。实心：同样文本加入噪声后的准确率及 95 % 区间。",
    ),
    "plot_noise_description": (
        "One line a model, from clean texts to noisy texts.",
        "每个模型一行，从干净文本到带噪文本。",
    ),
    "col_clean": ("Clean", "干净"),
    "col_fall": ("Fall, points", "下降（百分点）"),
    "col_noisy": ("Noisy", "带噪"),
    "col_model": ("Model", "模型"),
    "noise_examples": ("Noisy texts that changed the answer", "改变了答案的带噪文本"),
    "noise_flip": ("answer: {before} → {after}", "答案：{before} → {after}"),
    "noise_now": ("answer: {after}", "答案：{after}"),
    # lineage
    "lineage": ("How it was made", "制作过程"),
    "col_step": ("Step", "步骤"),
    "col_settings": ("Settings", "设置"),
    "col_seconds": ("Took", "用时"),
    "lineage_light": ("The light model", "轻量模型"),
    "lineage_teacher": ("The teacher", "教师模型"),
    "lineage_model": ("{name}", "{name}"),
    # data
    "data": ("The data", "数据"),
    "data_clean": ("The check of the data found nothing to report.", "数据检查未发现问题。"),
    "data_sizes": ("Texts", "文本数"),
    "severity_error": ("error", "错误"),
    "severity_warning": ("warning", "警告"),
    "severity_info": ("note", "提示"),
    "line_number": ("line {line}", "第 {line} 行"),
    "split_train": ("train", "训练"),
    "split_select": ("select", "选择"),
    "split_test": ("test", "测试"),
    "split_unlabelled": ("unlabelled", "无标签"),
    # run
    "run": ("How to run it", "如何运行"),
    "run_cli": ("Command line", "命令行"),
    "run_python": ("Python", "Python"),
    "run_onnx": ("onnxruntime alone, without llamita", "仅用 onnxruntime，无须 llamita"),
    "run_transformers": ("Transformers", "Transformers"),
    "run_text": ("A text of yours.", "您的一段文本。"),
    # versions
    "versions": ("Versions, machine, and the command that repeats it", "版本、机器与重现命令"),
    "command": ("Command", "命令"),
    "seed": ("Seed", "随机种子"),
    "machine": ("Machine", "机器"),
    "packages": ("Versions", "版本"),
}


def words(language: str) -> dict[str, str]:
    """The strings of a language.

    Raises:
        UserError: for a language the pages don't have.
    """
    if language not in LANGUAGES:
        raise UserError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")
    place = LANGUAGES.index(language)
    return {key: both[place].replace(" %", "\u00a0%") for key, both in STRINGS.items()}
