"""One address of every kind of page."""

CALENDAR = "/en/see/aall1331-blinatumomab/calendar"
READ = [  # pages that are read
    "/en/", "/en/treatment", "/en/treatment/induction", "/en/treatment/chemotherapy/vincristine",
    "/en/side-effects/febrile_neutropenia", "/en/symptoms/fever", "/en/glossary", "/en/help", "/en/news", "/en/index",
    "/en/sources/letter/0-9", "/en/sources/maloney2020", "/en/about", "/en/work", "/en/search?q=fever",
    "/en/treatment/induction?view=specialist",
    "/en/when-to-call", "/en/now", "/en/all/prognosis", "/en/questions", "/en/questions/relapse",
]  # fmt: skip
SEEN = [  # pages that are seen, with pictures of what was played
    "/en/see/", "/en/see/cog-standard-risk", "/en/see/cog-standard-risk/day/8",
    f"{CALENDAR}?months=3",
    "/en/what-if", "/en/chart",
    "/en/compare/aall1731-control~age4~m~16kg~102cm~b~cns1~ph-negative/"
    "aall1731-blinatumomab~age4~m~16kg~102cm~b~cns1~ph-negative",
]  # fmt: skip
KINDS = [*READ, *SEEN, "/en/no-such-page"]
