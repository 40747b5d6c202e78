# SPDX-License-Identifier: BSL-1.0
"""Writes scores.tsv with sacreBLEU's figures; run it again only when its pairs change.

    python make_scores.py > data/scores.tsv

Each block of lines is a corpus: `translation <tab> reference`, more references each behind a tab, ended by `= <tab> BLEU <tab> chrF2`; lines that begin with `#`
say what made them. The sentences try what tokenisation, smoothing and lengths can do.
"""

import sacrebleu

CORPORA = [
    [("The cat sat on the mat.", "The cat sat on the mat.")],
    [("A cat sat on a mat.", "The cat sat on the mat."), ("He didn't go home, did he?", "He did not go home, did he?")],
    [("Il fait 3,5 degrés; le 24-12-2020, 10.000 personnes…", "Il fait 3,5 degrés ; le 24-12-2020 , 10.000 personnes …"),
     ("« Où vas-tu ? » demanda-t-elle.", "« Où vas-tu ? » demanda-t-elle."),
     ("J'aime l'été,l'hiver.Pas toi?", "J'aime l'été, l'hiver. Pas toi ?")],
    [("no word here", "something else entirely")],
    [("short", "This reference is a good deal longer than that."), ("", "Nothing was said.")],
    [("one two", "one two"), ("three", "three")],
    [("this is longer than it should be by far", "this is it")],
    [("$5.00 &amp; 7% (a/b) [c] {d} x=y~z `q` \\ ^_^ &quot;e&quot; <f> -5 5- 1-2 .5 5. 1,2 ,3 4,", "$5.00 & 7% (a/b) [c] {d} x = y~z 'q' | ^_^ \"e\" <f> -5 5 - 1 - 2 0.5 5 . 1,2 , 3 4 ,")],
    [("..., ,,. a.b,c.1,d 1.e", "... , ,, . a . b , c.1,d 1.e"), ("Grüße aus Köln!", "Grüsse aus Köln !"), ("日本語 です。", "日本語です。")],
    [("Ein Mann in einem blauen Hemd steht auf einer Leiter und putzt ein Fenster.",
      "Ein Mann in einem blauen Hemd steht auf einer Leiter und reinigt ein Fenster."),
     ("Two dogs run through the wet grass", "Two dogs are running through wet grass."),
     ("Une fille saute à la corde sur le trottoir.", "Une petite fille saute à la corde sur un trottoir.")],
    [("I have been here.", "I was here.", "I've been here.", "I have been in this place."),
     ("Tom left.", "Tom is gone.", "Tom has left."), ("We met in Rome last May.", "We met last May, in Rome.")],
    [("go go go home", "go home", "go , go , now"), ("it is", "it is not so", "is it", "it was")],
    [("one two three four five", "one two three four", "one two three four five six", "x"),
     ("a b", "a b c d", "a"), ("ça va ?", "Ça va ?", "ça va?", "ça ira")],
]


def main():
    """Prints all corpora with their scores."""
    print(f"# sacreBLEU {sacrebleu.__version__}, BLEU and chrF2 with their usual settings")
    for corpus in CORPORA:
        translations = [group[0] for group in corpus]
        most = max(len(group) for group in corpus)
        references = [[group[k] if k < len(group) else None for group in corpus] for k in range(1, most)]
        for group in corpus:
            print("\t".join(group))
        bleu = sacrebleu.corpus_bleu(translations, references).score
        chrf = sacrebleu.corpus_chrf(translations, references).score
        print(f"=\t{bleu:.10f}\t{chrf:.10f}")


if __name__ == "__main__":
    main()
