/*
 * world-atlas as the map needs it: countries by the two letters that GeoIP
 * has, without Antarctica, without names (the browser knows them), and with a
 * point only where the map is wide enough to show it.
 */

/* two digits of a degree: a pixel is a third of one */
const COARSER = 8;

/* the atlas has ISO 3166 numbers; that is what CLDR's aliases are for */
const letters = ({ id, properties }) => {
    if (id === undefined) {
        return properties.name === "Kosovo" ? "XK" : undefined;
    }

    const region = Intl.getCanonicalLocales(`und-${id}`)[0].slice(4);

    return /^[A-Z]{2}$/.test(region) ? region : undefined;
};

const coarser = (arc) => {
    const points = [];
    let [x, y, atX, atY] = [0, 0, 0, 0];

    arc.forEach(([dx, dy], i) => {
        x += dx;
        y += dy;

        const toX = Math.round(x / COARSER);
        const toY = Math.round(y / COARSER);

        if (i < 1 || toX !== atX || toY !== atY || i === arc.length - 1) {
            points.push([toX - atX, toY - atY]);
            [atX, atY] = [toX, toY];
        }
    });

    return points;
};

export const countries = (atlas) => {
    const used = new Map();
    const { scale, translate } = atlas.transform;

    /* arcs in the order of their use; ~i is arc i backwards */
    const renumber = (arcs) => typeof arcs === "number"
        ? (arcs < 0 ? ~renumber(~arcs)
            : used.get(arcs) ?? (used.set(arcs, used.size), used.size - 1))
        : arcs.map(renumber);

    const geometries = atlas.objects.countries.geometries
        .filter((country) => country.id !== "010")
        .map((country) => ({
            type: country.type,
            id: letters(country),
            arcs: renumber(country.arcs),
        }));

    return {
        type: "Topology",
        transform: { scale: scale.map((factor) => factor * COARSER), translate },
        objects: { countries: { type: "GeometryCollection", geometries } },
        arcs: [...used.keys()].map((i) => coarser(atlas.arcs[i])),
    };
};
