"""The routing kernel as machine code.

ring      the arrays it works on
kernel    anneal, link, unlink: what Python calls; ruin, recreate, legs, dice: what is compiled into them
compiled  how functions become machine code
shelf     where that is kept
"""
