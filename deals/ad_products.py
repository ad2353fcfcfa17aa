"""Kinds of products as the trade names them. Pure.

Names of the IAB Tech Lab Ad Product Taxonomy 2.0: its first tier whole, and of the second what is heard on podcasts.
They are offered when a sponsor's category is typed; a house may use words of its own. Rivals are told by equal words.
"""

AD_PRODUCTS: dict[str, tuple[str, ...]] = {
    "Adult Products and Services": (),
    "Alcohol": ("Beer", "Spirits", "Wine"),
    "Business and Industrial": ("Advertising and Marketing", "Business Services", "Small Business"),
    "Cannabis": (),
    "Clothing and Accessories": ("Clothing", "Footwear", "Jewelry and Watches", "Sunglasses"),
    "Collectables and Antiques": (),
    "Computer Software": ("Enterprise Computer Software", "Personal Computer Software"),
    "Consumer Electronics": ("Computers", "E-Readers", "Headphones", "Networking", "Security Devices"),
    "Consumer Packaged Goods": ("Beverages", "Meal Kits", "Personal Care", "Pet Care", "Vitamins and Supplements"),
    "Cosmetic Services": (),
    "Culture and Fine Arts": ("Museums and Galleries",),
    "Dating": (),
    "Debated Sensitive Social Issue": (),
    "Dieting and Weightloss": (),
    "Durable Goods": ("Furniture", "Home and Garden Products", "Household Appliances", "Luggage and Bags"),
    "Education and Careers": ("Employment Agencies", "Language Learning", "Online Education"),
    "Events and Performances": ("Concerts", "Conferences, Lectures and Workshops", "Sporting Events"),
    "Family and Parenting": ("Childcare", "Genealogy and Family Trees"),
    "Finance and Insurance": ("Banking", "Credit Cards", "Insurance", "Stocks and Investments"),
    "Fitness Activities": ("Gyms and Health Clubs", "Yoga Studios"),
    "Food and Beverage Services": ("Food Delivery Services", "Restaurants"),
    "Gambling": ("Lottery", "Sports Betting"),
    "Gifts and Holiday Items": ("Flowers", "Gift Cards and Coupons"),
    "Green/Eco": (),
    "Health and Medical Services": ("Mental Health", "Vision Care"),
    "Home and Garden Services": ("Business and Home Security Services", "Home Improvement and Repair"),
    "Legal Services": (),
    "Media": ("Books and Audio Books", "Magazines and Newspapers", "Music and Video Streaming Services"),
    "Metals": (),
    "Non-Fiat Currency": (),
    "Non-Profits": ("Charities and Donations",),
    "Personal/Consumer Telecom": ("Home Internet Services", "Mobile Phone Plans"),
    "Pet Ownership": (),
    "Pharmaceuticals": (),
    "Politics": (),
    "Real Estate": (),
    "Religion and Spirituality": (),
    "Retail": ("Clothing Stores", "eCommerce", "Grocery Stores and Supermarkets"),
    "Sexual Health": (),
    "Sporting Goods": ("Exercise and Fitness Equipment", "Outdoor Recreation Equipment"),
    "Tobacco": (),
    "Travel and Tourism": ("Accommodations", "Air Travel", "Cruises"),
    "Vehicles": ("Automotive Products", "Vehicle Rental"),
    "Weapons and Ammunition": (),
}


def ad_product_names() -> list[str]:
    """Return every name in order, the first tier each followed by its second."""
    return [name for first, second in AD_PRODUCTS.items() for name in (first, *second)]
