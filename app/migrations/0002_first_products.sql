INSERT INTO products (id, name, description, price_cents, stock) VALUES
    ('beanie',  'Wool beanie',     'Knitted in one piece, in the colour of wet slate.',  2450, 40),
    ('mug',     'Enamel mug',      'Holds 350 ml and survives the dishwasher.',          1290, 120),
    ('notebook','Dotted notebook', '192 pages that lie flat, thread-bound.',              980, 200),
    ('tote',    'Canvas tote',     'Carries a laptop, a loaf and a book at once.',        1650, 60);
