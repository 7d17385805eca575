"""Word lists of the generated starter tasks. Every word and phrase here was written for them.

A list is a balanced column: each entry is used equally often (give or take one) in the items
that draw from it, so that no item group hangs on one word.
"""

# Singular and plural; none is a verb form that would make a bad sentence acceptable.
PEOPLE = [
    ("teacher", "teachers"),
    ("farmer", "farmers"),
    ("doctor", "doctors"),
    ("driver", "drivers"),
    ("painter", "painters"),
    ("student", "students"),
    ("baker", "bakers"),
    ("singer", "singers"),
    ("lawyer", "lawyers"),
    ("sailor", "sailors"),
    ("gardener", "gardeners"),
    ("actor", "actors"),
    ("child", "children"),
    ("woman", "women"),
    ("man", "men"),
    ("policeman", "policemen"),
]
NAMES = ["Anna", "Peter", "Maria", "Lucas", "Nora", "Omar", "Helen", "Victor", "Clara", "David"]

# base, third person, past, -ing form, and the rest of the sentence; the past is never the base.
ACTIONS = [
    ("walk", "walks", "walked", "walking", "to the station"),
    ("sleep", "sleeps", "slept", "sleeping", "in the afternoon"),
    ("work", "works", "worked", "working", "in a large office"),
    ("sing", "sings", "sang", "singing", "after dinner"),
    ("live", "lives", "lived", "living", "in a small town"),
    ("wait", "waits", "waited", "waiting", "at the corner"),
    ("speak", "speaks", "spoke", "speaking", "with great care"),
    ("travel", "travels", "traveled", "traveling", "by train"),
    ("smile", "smiles", "smiled", "smiling", "at the camera"),
    ("sit", "sits", "sat", "sitting", "by the window"),
    ("swim", "swims", "swam", "swimming", "before breakfast"),
    ("run", "runs", "ran", "running", "through the park"),
    ("cook", "cooks", "cooked", "cooking", "for the whole family"),
    ("laugh", "laughs", "laughed", "laughing", "at every joke"),
    ("write", "writes", "wrote", "writing", "with a blue pen"),
    ("stand", "stands", "stood", "standing", "behind the fence"),
]

THINGS = [
    ("lamp", "lamps"),
    ("chair", "chairs"),
    ("basket", "baskets"),
    ("ladder", "ladders"),
    ("bicycle", "bicycles"),
    ("clock", "clocks"),
    ("bottle", "bottles"),
    ("blanket", "blankets"),
    ("jacket", "jackets"),
    ("suitcase", "suitcases"),
    ("knife", "knives"),
    ("toy", "toys"),
    ("brush", "brushes"),
    ("picture", "pictures"),
]
# An attractor stands between a subject and its verb and has the other number.
ATTRACTORS = [
    ("near the window", "near the windows"),
    ("behind the door", "behind the doors"),
    ("beside the bed", "beside the beds"),
    ("next to the gate", "next to the gates"),
    ("by the table", "by the tables"),
    ("near the wall", "near the walls"),
    ("behind the curtain", "behind the curtains"),
    ("beside the mirror", "beside the mirrors"),
    ("next to the tree", "next to the trees"),
]
STATES = ["broken", "old", "dirty", "very clean", "expensive", "new", "too small", "dusty"]
TRANSFERS = ["carried", "sold", "cleaned", "moved", "borrowed", "bought", "chose", "returned"]
TIMES = ["last week", "after lunch", "on Monday", "in the morning", "before noon", "yesterday"]

# Subjects of one gender: singular, plural, the right and the wrong singular reflexive.
GENDERED = [
    ("king", "kings", "himself", "herself"),
    ("queen", "queens", "herself", "himself"),
    ("uncle", "uncles", "himself", "herself"),
    ("aunt", "aunts", "herself", "himself"),
    ("prince", "princes", "himself", "herself"),
    ("princess", "princesses", "herself", "himself"),
    ("boy", "boys", "himself", "herself"),
    ("girl", "girls", "herself", "himself"),
    ("grandfather", "grandfathers", "himself", "herself"),
    ("grandmother", "grandmothers", "herself", "himself"),
]
REFLEXIVE = [
    "blamed {} for the mistake",
    "saw {} in the mirror",
    "taught {} to cook",
    "introduced {} to the guests",
    "hurt {} with a knife",
    "described {} in the letter",
    "praised {} in the speech",
    "dressed {} for the party",
    "warmed {} by the fire",
    "hid {} behind the curtain",
    "defended {} against the dog",
]

EVER = [
    "seen a whale",
    "visited the island",
    "played the violin",
    "climbed that mountain",
    "driven a truck",
    "lived in a castle",
    "missed a meeting",
    "won a prize",
    "written a poem",
    "been to Norway",
    "ridden a camel",
]
ANY = [
    "bought any bread",
    "found any coins",
    "heard any music",
    "drank any milk",
    "saw any birds",
    "made any mistakes",
    "sold any tickets",
    "ate any soup",
    "told any jokes",
    "picked any apples",
]
AT_ALL = ["slept", "helped", "smiled", "moved", "worked", "spoke", "complained", "laughed"]

# past, past participle, rest. Left out: verbs whose two forms some dictionaries swap (bite,
# drink, forget, hide, ring, show, sing, swell).
IRREGULAR = [
    ("broke", "broken", "the window"),
    ("wrote", "written", "a long letter"),
    ("ate", "eaten", "the last apple"),
    ("took", "taken", "the wrong bus"),
    ("gave", "given", "the dog some water"),
    ("saw", "seen", "a terrible accident"),
    ("stole", "stolen", "a silver ring"),
    ("spoke", "spoken", "to the manager"),
    ("drove", "driven", "an old truck"),
    ("chose", "chosen", "the green hat"),
    ("rode", "ridden", "a white horse"),
    ("wore", "worn", "a heavy coat"),
    ("tore", "torn", "the yellow paper"),
    ("threw", "thrown", "the ball away"),
    ("drew", "drawn", "a small map"),
    ("grew", "grown", "some fine tomatoes"),
    ("knew", "known", "the owner for years"),
    ("fell", "fallen", "on the ice"),
    ("blew", "blown", "the whistle"),
    ("shook", "shaken", "the bottle"),
]

WH = [
    ("What", "find in the garden"),
    ("What", "write in the letter"),
    ("What", "cook for the guests"),
    ("Where", "buy the flowers"),
    ("Where", "hide the money"),
    ("Where", "park the car"),
    ("When", "leave the hotel"),
    ("When", "close the shop"),
    ("Who", "call in the evening"),
    ("Which song", "choose for the wedding"),
    ("Which road", "take to the village"),
]
# No "did" in embedded questions: "knows where she did park" is odd even in good order.
DIRECT_AUXILIARIES = ["did", "can", "will", "should"]
EMBEDDED_AUXILIARIES = ["can", "will", "should"]
KNOWING = ["knows", "remembers", "has forgotten", "found out"]

PRONOUNS = [("he", "him"), ("she", "her"), ("they", "them"), ("we", "us"), ("I", "me")]
DEEDS = [
    "opened the door",
    "painted the wall",
    "walked to the lake",
    "cleaned the kitchen",
    "fixed the roof",
    "washed the dishes",
    "arrived at the airport",
    "played in the yard",
]
# The verbs take no clause, so that "followed he" is never the start of one.
TO_PRONOUN = [
    "thanked {} for the gift",
    "followed {} into the shop",
    "met {} at the station",
    "waited for {} at the gate",
    "walked with {} to the river",
    "invited {} to dinner",
    "sat behind {} on the bus",
    "looked at {} for a moment",
]

DEGREES = [
    ("old", "older", "oldest"),
    ("new", "newer", "newest"),
    ("small", "smaller", "smallest"),
    ("cheap", "cheaper", "cheapest"),
    ("strong", "stronger", "strongest"),
    ("clean", "cleaner", "cleanest"),
    ("dark", "darker", "darkest"),
    ("nice", "nicer", "nicest"),
    ("large", "larger", "largest"),
]
COMPARED = ["desk", "bench", "shelf", "cupboard", "carpet", "table", "mirror", "sofa"]

# fmt: off
# Repeated lists: common words of four to six letters with no order of their own.
REPEATED_WORDS = [
    "apple", "river", "stone", "candle", "window", "garden", "horse", "pencil",
    "bread", "button", "cloud", "forest", "basket", "lemon", "music", "paper",
    "bridge", "silver", "dragon", "engine", "finger", "hammer", "island", "jacket",
    "kettle", "ladder", "magnet", "needle", "orange", "pillow", "rabbit", "saddle",
    "tunnel", "valley", "wagon", "zebra", "anchor", "bottle", "carpet", "desert",
]
NONSENSE = [
    "blorn", "drupa", "feska", "gimlo", "hurvo", "jelpa", "kromi", "mavik",
    "nopri", "olvet", "pranu", "quimo", "rasbo", "tarvu", "ulmek", "yarku",
    "zelfi", "brimu", "clopa", "drenv", "fusti", "gorbe", "hanpo", "ilgra",
    "jurmo", "kelvu", "lospi", "mubra", "nesko", "ombri",
]
# fmt: on
